/** The client library as it comes, for tests that show what becomes of it. */
import zookeeper from 'node-zookeeper-client';

export interface BareClient {
  /** The states it went through. */
  readonly states: string[];
  readonly state: string;
  children(path: string): Promise<string[]>;
  /** Sets a watch on a path that need not be there. */
  watch(path: string): Promise<void>;
  /** Gives up on it, whatever state it is in. */
  abandon(): void;
}

export function bareClient(connect: string, sessionTimeout: number): BareClient {
  const client = zookeeper.createClient(connect, { sessionTimeout, spinDelay: 100 });
  const states: string[] = [];
  client.on('state', (state: { name: string }) => states.push(state.name));
  client.connect();
  const manager = (client as unknown as { connectionManager: { connect(): void; socket?: import('node:net').Socket } }).connectionManager;
  return {
    states,
    get state() {
      return (client.getState() as unknown as { name: string }).name;
    },
    children: (path) =>
      new Promise((resolve, reject) => client.getChildren(path, (error, names) => (error ? reject(error) : resolve(names)))),
    watch: (path) =>
      new Promise((resolve, reject) =>
        client.exists(
          path,
          () => {},
          (error) => (error ? reject(error) : resolve()),
        ),
      ),
    abandon() {
      manager.connect = () => {};
      manager.socket?.destroy();
    },
  };
}
