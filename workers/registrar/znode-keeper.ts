/**
 * Keeps one znode as it is wanted, level by level: whatever happened to it, to the connection or to the session, it is looked at again and brought in line.
 * While there is no connection nothing is tried; what is wanted meanwhile counts when it is back. What fails is tried again with back-off, and said once.
 */
import { errorFields, errorText, PointsmanError } from '../../shared/errors.ts';
import type { Access, WrittenFormat } from '../../shared/model/register.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import { decode } from '../../shared/znode/format.ts';
import { hasCode } from '../../shared/zookeeper/errors.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import type { RegistrarCounts } from './registrar-counts.ts';
import { type FoundZnode, type ZnodeStep, znodeStep } from './znode-step.ts';

const RETRY_MS = { first: 100, most: 10_000 };
/** Steps of one look; more means that somebody else works on the znode all the while. */
const STEPS_MAX = 8;
/** ms from a watch to the look: who writes it again and again is answered at this pace. */
const NOTICED_MS = 20;

export interface KeeperOptions {
  readonly link: ZookeeperLink;
  readonly parent: string;
  readonly name: string;
  readonly format: WrittenFormat;
  readonly logger: Logger;
  readonly counts: RegistrarCounts;
  /** Called when what is there has changed. */
  readonly moved: () => void;
}

/** there: as we made it · elsewhere: another process has it · conflict: it says that it is another instance. */
export type Standing = 'there' | 'absent' | 'elsewhere' | 'conflict';

/** What may change of an entry whose znode stays the same. */
export interface Claim {
  readonly instance: string;
  readonly access: Access;
}

export class ZnodeKeeper {
  readonly path: string;
  readonly #options: KeeperOptions;
  #claim: Claim;
  /** undefined: nobody has said; then it is left alone. */
  #wanted: string | null | undefined;
  /** The session under which it was there last. */
  #heldIn: string | null = null;
  #anew = false;
  /** It is being made: others may see it before we have the answer. */
  #making = false;
  #standing: Standing = 'absent';
  #again = false;
  #running = false;
  #closed = false;
  #told: string | null = null;
  #sleep = new AbortController();
  #noticeTimer: NodeJS.Timeout | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(options: KeeperOptions, claim: Claim) {
    this.#options = options;
    this.#claim = { instance: claim.instance, access: claim.access };
    this.path = `${options.parent}/${options.name}`;
    options.link.on('up', this.look);
  }

  /** Whether it was there, and ours, when it was looked at last, or may be by now. */
  get isThere(): boolean {
    return this.#standing === 'there' || this.#making;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** null: there shall be none. Nothing is sent when nothing changed. */
  want(data: string | null, { instance, access }: Claim): void {
    const before = this.#claim;
    if (data === this.#wanted && access === before.access && instance === before.instance) return;
    this.#anew ||= access !== before.access;
    this.#claim = { instance, access };
    this.#wanted = data;
    this.look();
  }

  /** Resolves when what is wanted now is so, as far as it can be; never rejects. Without a connection it waits for it. */
  settled(): Promise<void> {
    if (this.#closed || this.#wanted === undefined || !(this.#again || this.#running)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#noticeTimer);
    this.#sleep.abort();
    this.#options.link.off('up', this.look);
    this.#settle();
  }

  readonly look = (): void => {
    this.#again = true;
    this.#sleep.abort();
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run();
  };

  readonly #noticed = (): void => {
    clearTimeout(this.#noticeTimer);
    if (!this.#closed) this.#noticeTimer = setTimeout(this.look, NOTICED_MS);
  };

  async #run(): Promise<void> {
    const { link } = this.#options;
    for (let failures = 0; this.#again && !this.#closed && link.connected; ) {
      this.#again = false;
      try {
        await link.reads.run(() => this.#bringInLine());
        failures = 0;
        this.#told = null;
      } catch (error) {
        this.#again = true;
        if (!link.connected) break;
        this.#tell(error);
        this.#sleep = new AbortController();
        await pause(backoff(failures++, RETRY_MS), this.#sleep.signal);
      }
    }
    this.#running = false;
    if (!this.#again) this.#settle();
  }

  async #bringInLine(): Promise<void> {
    const { link } = this.#options;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const wanted = this.#wanted;
      if (wanted === undefined || this.#closed) return;
      const session = link.sessionId;
      const found = await this.#find();
      if (found !== null && found.owner === session) this.#heldIn = session;
      const held = session !== null && this.#heldIn === session;
      const step = znodeStep(found, { wanted, instance: this.#claim.instance, session, held, anew: this.#anew });
      if (this.#isDone(step, found)) return;
      await this.#take(step, wanted ?? '', found?.version ?? 0);
    }
    throw new PointsmanError('ZOOKEEPER_BAD_VERSION', `${this.path} is written by somebody else all the while`, {
      hint: 'Find out who else writes it: only pointsman should.',
      retry: 'transient',
    });
  }

  /** Whether there is nothing to do. */
  #isDone(step: ZnodeStep, found: FoundZnode | null): boolean {
    if (step !== 'none' && step !== 'yield' && step !== 'conflict') return false;
    const standing = step === 'none' ? (this.#wanted === null ? 'absent' : 'there') : step === 'yield' ? 'elsewhere' : 'conflict';
    if (step === 'yield' && this.#standing !== 'elsewhere')
      this.#options.logger.warn(
        { znode: this.path, owner: found?.owner },
        'another process registers this instance; it has it until it goes',
      );
    this.#stands(standing);
    if (step === 'conflict')
      throw new PointsmanError('REGISTRATION_CONFLICT', `${this.path} says that it is ${found?.says}, not ${this.#claim.instance}`, {
        hint: 'Remove that znode if nothing needs it, or give the entry another `id`. It is looked at again.',
        retry: 'after',
      });
    return true;
  }

  async #take(step: ZnodeStep, data: string, version: number): Promise<void> {
    const { link, parent, logger, counts } = this.#options;
    let lacksParent = false;
    this.#making = step === 'create' || step === 'replace';
    try {
      if (step === 'remove') await link.remove(this.path, version);
      else if (step === 'set') await link.set(this.path, data, version);
      else if (step === 'replace') {
        await link.replace(this.path, data, { acl: this.#claim.access, version });
        this.#anew = false;
      } else {
        await link.create(this.path, data, { ephemeral: true, acl: this.#claim.access });
        this.#anew = false;
      }
      if (step !== 'remove') this.#stands('there');
      counts.took(step === 'remove');
      logger.info({ znode: this.path, data }, step === 'remove' ? 'deregistered' : step === 'set' ? 'registration changed' : 'registered');
    } catch (error) {
      // Somebody was faster: the next look says what is there now.
      if (!isOvertaken(error)) throw error;
      lacksParent = step === 'create' && hasCode(error, 'ZOOKEEPER_NO_NODE');
    } finally {
      this.#making = false;
    }
    if (lacksParent) await link.ensure(parent);
  }

  /** With a watch when it is there: whoever takes it away or writes it is noticed. */
  async #find(): Promise<(FoundZnode & { version: number }) | null> {
    const { link, format, name } = this.#options;
    try {
      const { data, stat } = await link.data(this.path, this.#noticed);
      const decoded = decode(format, name, data, { endpoint: null });
      return {
        data: data.toString('utf8'),
        owner: stat.ephemeralOwner,
        says: decoded.ok ? decoded.instance : null,
        version: stat.version,
      };
    } catch (error) {
      if (hasCode(error, 'ZOOKEEPER_NO_NODE')) return null;
      throw error;
    }
  }

  #stands(standing: Standing): void {
    if (standing === this.#standing) return;
    this.#standing = standing;
    this.#options.moved();
  }

  #settle(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #tell(error: unknown): void {
    const text = errorText(error);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.logger.error(
      { znode: this.path, ...errorFields(error) },
      'the registration cannot be brought in line, it is tried again',
    );
  }
}

function isOvertaken(error: unknown): boolean {
  return (['ZOOKEEPER_NO_NODE', 'ZOOKEEPER_NODE_EXISTS', 'ZOOKEEPER_BAD_VERSION'] as const).some((code) => hasCode(error, code));
}
