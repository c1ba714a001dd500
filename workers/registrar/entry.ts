/**
 * One entry of `register` at work: its checks say whether the instance is well, an operator or the end of the process whether it is withdrawn, and its znode
 * follows. Whenever something moved, what the znode should be is computed anew from all of it; a timer asks again when time alone would change it.
 */
import { isDeepStrictEqual } from 'node:util';
import { type CheckState, verdictOf } from '../../machines/check.ts';
import { WARM_STEPS } from '../../machines/warm-up.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { encode, encodedName } from '../../shared/znode/encode.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { CheckLoop } from './check-loop.ts';
import { ZnodeKeeper } from './znode-keeper.ts';

export class RegisterEntry {
  #config: RegisterConfig;
  readonly #logger: Logger;
  readonly #keeper: ZnodeKeeper;
  readonly #since = Date.now();
  #loops: readonly CheckLoop[] = [];
  #told: CheckState = 'unknown';
  /** ms since the epoch; null: it is not withdrawn. */
  #withdrawnAt: number | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: RegisterConfig, link: ZookeeperLink, logger: Logger) {
    this.#config = config;
    this.#logger = logger.child({ service: config.service, instance: config.instance });
    const { path: parent, format } = config;
    this.#keeper = new ZnodeKeeper({ link, parent, name: encodedName(format, config), format, logger: this.#logger }, config);
  }

  get config(): RegisterConfig {
    return this.#config;
  }

  start(): void {
    this.#begin({ state: 'unknown', since: 0 });
  }

  /** Of the same znode. Checks that are the same go on; new ones go on from how the entry stands. */
  update(config: RegisterConfig): void {
    const same = isDeepStrictEqual(config.checks, this.#config.checks);
    this.#config = config;
    if (same) return this.#follow();
    const { state, since } = this.#verdict();
    this.#stopChecks();
    this.#begin({ state, since });
  }

  /** It takes no new requests from now on, and is gone when `drain` is over. Once it is, the same again changes nothing. */
  withdraw(): void {
    if (this.#withdrawnAt !== null) return;
    this.#withdrawnAt = Date.now();
    this.#logger.info({ drain: this.#config.drain }, 'withdrawn');
    this.#follow();
  }

  offer(): void {
    if (this.#withdrawnAt === null) return;
    this.#withdrawnAt = null;
    this.#logger.info('offered again');
    this.#follow();
  }

  /** ms that a withdrawal takes from now on. */
  get left(): number {
    return this.#withdrawnAt === null || !this.#keeper.isThere ? 0 : Math.max(0, this.#withdrawnAt + this.#config.drain - Date.now());
  }

  /** Resolves when the znode is as it should be now. */
  settled(): Promise<void> {
    // The timer may be a little late.
    this.#follow();
    return this.#keeper.settled();
  }

  /** The znode is left as it is. */
  close(): void {
    this.#stopChecks();
    clearTimeout(this.#timer);
    this.#keeper.close();
  }

  #begin(standing: { state: CheckState; since: number }): void {
    this.#loops = this.#config.checks.map((check) => new CheckLoop(check, standing, this.#follow));
    for (const loop of this.#loops) loop.start();
    this.#follow();
  }

  #stopChecks(): void {
    for (const loop of this.#loops) loop.stop();
  }

  #verdict() {
    return verdictOf(this.#loops.map(({ snapshot }) => snapshot));
  }

  readonly #follow = (): void => {
    const now = Date.now();
    const { state, since, detail } = this.#verdict();
    if (state !== this.#told) {
      this.#told = state;
      if (state === 'failing') this.#logger.warn({ detail }, 'its checks fail');
      else this.#logger.info('its checks pass');
    }
    clearTimeout(this.#timer);
    const { wanted, next } = this.#wantedAt(now, state, since);
    if (wanted !== undefined) this.#keeper.want(wanted, this.#config);
    if (next !== null) this.#timer = setTimeout(this.#follow, Math.max(1, next - now));
  };

  /** What the znode holds; null: there is none; undefined: it is not known yet. `next`: when time alone changes it. */
  #wantedAt(now: number, state: CheckState, since: number): { wanted: string | null | undefined; next: number | null } {
    if (state === 'failing') return { wanted: null, next: null };
    if (this.#withdrawnAt !== null) {
      const end = this.#withdrawnAt + this.#config.drain;
      return this.#keeper.isThere && now < end ? { wanted: this.#data(0, true), next: end } : { wanted: null, next: null };
    }
    if (state === 'unknown') return { wanted: undefined, next: null };
    const { weight, warmUp } = this.#config;
    if (warmUp === null || weight === null || weight === 0) return { wanted: this.#data(weight, false), next: null };
    const every = warmUp / WARM_STEPS;
    // Checks that are none pass from the start.
    const begun = since === 0 ? this.#since : since;
    const step = Math.min(WARM_STEPS, Math.floor((now - begun) / every) + 1);
    const next = step < WARM_STEPS ? begun + step * every : null;
    return { wanted: this.#data(Math.max(1, Math.round((weight * step) / WARM_STEPS)), false), next };
  }

  #data(weight: number | null, out: boolean): string {
    return encode(this.#config.format, { ...this.#config, weight, out, since: this.#since }).data;
  }
}
