/**
 * One object of the client library, with its connections kept honest. It replaces how the library connects and receives:
 * - each connection has a deadline that ends with the handshake, not with TCP's connect; failed ones back off with jitter;
 * - bytes are split into packets per socket, so nothing survives a cut; what the library would throw on is caught here;
 * - a heartbeat in both directions: a link that is silent too long is cut, so that the library connects again;
 * - at a disconnect, watches and unsent packets are forgotten: whoever uses the link reads and arms everything anew.
 * It never makes a new session by itself: that is the link's decision (expired, authFailed, fault).
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { backoff } from '../runtime/wait.ts';
import { type ConnectionManager, forgetWatches, openClient, type RawClient, STATE } from './client-internals.ts';
import type { ClientListener, ClientSettings, SessionKeys } from './client-settings.ts';
import { FrameSplitter } from './frames.ts';
import { BEAT_TICKS, Heartbeat } from './heartbeat.ts';
import { screenReply } from './reply-screen.ts';
import { sessionText } from './stat.ts';

/** ms, the wait between rounds over all servers: at most an eighth of the session timeout, within these. */
const REDIAL_MS = { first: 50, least: 100, most: 2_000 };
/** ms; a connection that went sooner counts as a failed one, so that connect-and-drop backs off too. */
const LASTED_MS = 1_000;
/** ms; of the session timeout, no less than this for a handshake */
const HANDSHAKE_LEAST_MS = 500;
const CLOSE_DEADLINE_MS = 1_000;

export class GuardedClient {
  readonly raw: RawClient;
  readonly #manager: ConnectionManager;
  readonly #settings: ClientSettings;
  readonly #listener: ClientListener;
  readonly #receiveLibrary: (frame: Buffer) => void;
  #abandoned = false;
  #up = false;
  #dialTimer: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #beatTimer: NodeJS.Timeout | undefined;
  #heartbeat = new Heartbeat(0, 0);
  /** All of them: it says whose turn it is. */
  #dials = 0;
  /** Since a connection that lasted. */
  #failures = 0;
  #upSince = 0;
  #heard = performance.now();

  constructor(settings: ClientSettings, listener: ClientListener) {
    const { client, manager } = openClient(settings.connect, settings.sessionTimeout);
    this.raw = client;
    this.#manager = manager;
    this.#settings = settings;
    this.#listener = listener;
    // Request number 0 upsets the throttling of some servers.
    manager.xid = 1;
    if (settings.resume !== null) {
      manager.sessionId = settings.resume.id;
      manager.sessionPassword = settings.resume.password;
      manager.zxid = settings.resume.zxid;
    }
    if (settings.auth !== null) client.addAuthInfo(settings.auth.scheme, Buffer.from(settings.auth.credentials));
    this.#receiveLibrary = manager.onSocketData.bind(manager);
    manager.connect = () => this.#dial();
    manager.on('state', (state: number) => this.#stateChanged(state));
  }

  get connected(): boolean {
    return this.#up && !this.#abandoned;
  }

  /** ms, as negotiated */
  get sessionTimeout(): number {
    return this.#manager.sessionTimeout;
  }

  /** `0x0` before the first connection */
  get session(): string {
    return sessionText(this.#manager.sessionId);
  }

  get keys(): SessionKeys {
    const { sessionId: id, sessionPassword: password, zxid } = this.#manager;
    return { id, password, zxid };
  }

  /** performance.now() at the last byte from a server. */
  get heard(): number {
    return this.#heard;
  }

  open(): void {
    this.#dial();
  }

  /** Ends the session when there is one, then lets go of everything. */
  async close(): Promise<void> {
    const socket = this.#manager.socket;
    if (this.connected && socket !== undefined) {
      this.#up = false;
      const closed = new Promise<void>((resolve) => {
        const late = setTimeout(resolve, CLOSE_DEADLINE_MS);
        socket.once('close', () => {
          clearTimeout(late);
          resolve();
        });
      });
      this.#guard(() => this.raw.close());
      await closed;
    }
    this.abandon();
  }

  /** Lets go of the connection without ending the session. Nothing of this object is heard of again. */
  abandon(): void {
    this.#abandoned = true;
    this.#up = false;
    clearTimeout(this.#dialTimer);
    clearTimeout(this.#handshakeTimer);
    clearInterval(this.#beatTimer);
    this.#manager.state = STATE.closed;
    this.#manager.packetQueue.queue.length = 0;
    const socket = this.#manager.socket;
    socket?.removeAllListeners();
    socket?.on('error', () => {});
    socket?.destroy();
  }

  /** Cuts the connection; the session goes on with the next one. */
  cut(): void {
    this.#manager.socket?.destroy();
  }

  #dial(): void {
    if (this.#abandoned) return;
    this.#manager.setState(STATE.connecting);
    const servers = this.#manager.servers;
    const server = servers[this.#dials++ % servers.length];
    const most = Math.min(REDIAL_MS.most, Math.max(REDIAL_MS.least, this.#settings.sessionTimeout / 8));
    const wait =
      this.#failures < servers.length ? 0 : backoff(this.#failures - servers.length, { first: REDIAL_MS.first, most, share: 0.5 });
    this.#failures++;
    this.#dialTimer = setTimeout(() => {
      if (server !== undefined) this.#connectTo(server.host, Number(server.port));
    }, wait);
  }

  #connectTo(host: string, port: number): void {
    const manager = this.#manager;
    const socket = connectSocket({ host, port });
    const splitter = new FrameSplitter();
    manager.socket = socket;
    socket.setNoDelay();
    const deadline = Math.max(HANDSHAKE_LEAST_MS, this.#settings.sessionTimeout / Math.max(2, manager.servers.length));
    this.#handshakeTimer = setTimeout(() => socket.destroy(), deadline);
    socket.on('connect', () => this.#guard(() => manager.onSocketConnected()));
    socket.on('data', (bytes) => this.#receive(socket, splitter, bytes));
    socket.on('drain', () => this.#guard(() => manager.onSocketDrain()));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', (hadError) => {
      clearTimeout(this.#handshakeTimer);
      if (!this.#abandoned && manager.socket === socket) this.#guard(() => manager.onSocketClosed(hadError));
    });
  }

  #receive(socket: Socket, splitter: FrameSplitter, bytes: Buffer): void {
    this.#heard = performance.now();
    this.#guard(() => {
      for (const frame of splitter.push(bytes)) {
        if (this.#abandoned || socket.destroyed) return;
        this.#deliver(frame);
      }
    });
  }

  #deliver(frame: Buffer): void {
    const manager = this.#manager;
    if (manager.state !== STATE.connecting) screenReply(manager, frame);
    const zxid = manager.zxid;
    this.#receiveLibrary(frame);
    // Some error replies carry no zxid; the last one seen must not go back to nothing.
    if (manager.zxid.readBigInt64BE(0) <= 0n) manager.zxid = zxid;
  }

  #stateChanged(state: number): void {
    if (this.#abandoned) return;
    if (state === STATE.connected) this.#connected();
    else if (state === STATE.disconnected) this.#disconnected();
    else if (state === STATE.expired) this.#listener.expired();
    else if (state === STATE.authFailed) this.#listener.authFailed();
  }

  #connected(): void {
    clearTimeout(this.#handshakeTimer);
    this.#heartbeat = new Heartbeat(this.sessionTimeout, performance.now());
    clearInterval(this.#beatTimer);
    this.#beatTimer = setInterval(() => this.#beat(), this.sessionTimeout / BEAT_TICKS);
    // The first answer proves that the link carries both ways, and comes after the verdict on auth.
    this.raw.exists('/', (error, stat) => {
      if (this.#abandoned || this.#manager.state !== STATE.connected) return;
      if (error && (error as { code?: number }).code === -4) return;
      this.#up = true;
      this.#upSince = performance.now();
      this.#listener.up(Boolean(error) || stat !== null);
    });
  }

  #disconnected(): void {
    clearInterval(this.#beatTimer);
    this.#manager.pendingBuffer = null;
    this.#manager.packetQueue.queue.length = 0;
    forgetWatches(this.#manager);
    if (!this.#up) return;
    this.#up = false;
    if (performance.now() - this.#upSince > LASTED_MS) this.#failures = 0;
    this.#listener.down();
  }

  #beat(): void {
    const now = performance.now();
    const verdict = this.#heartbeat.tick(now, this.#heard);
    if (verdict === 'cut') this.cut();
    else if (verdict === 'send') this.#guard(() => this.raw.exists('/', () => this.#heartbeat.answered()));
    if (this.#manager.xid > this.#settings.callsMax)
      this.#listener.fault(new Error(`${this.#manager.xid} calls were made with one client`));
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!this.#abandoned) this.#listener.fault(error);
    }
  }
}
