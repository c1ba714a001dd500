/**
 * PURE. The shared HTTP frontend. It finds a service in the map of routes: by the longest key that the request's `<host><path>/` begins with
 * (`map_beg`), and without one, by the longest that its `<path>/` begins with.
 */
import { assert } from '../errors.ts';
import { MADE_MAP } from './protocol.ts';
import { isPlainPath, listenWord } from './render-words.ts';

export const ROUTES_FILE = 'routes.map';

/** Names that no service has: a service's has no colon. */
const FRONTEND = 'pointsman:http';
const NOWHERE = 'pointsman:nowhere';

export interface HttpInput {
  /** `address:port` */
  readonly listen: string;
  /** The managed folder, where the map is. */
  readonly folder: string;
}

/** As files and commands name the map. */
export function routesPath(folder: string): string {
  assert(isPlainPath(folder), `the managed folder must be a plain absolute path, not ${JSON.stringify(folder)}`);
  return `${folder}/${ROUTES_FILE}`;
}

export function httpFrontendLines({ listen, folder }: HttpInput): string[] {
  const map = routesPath(folder);
  const plain = 'content-type text/plain string';
  return [
    '# The shared frontend: services with a host or a path prefix, found in a map that changes without a reload.',
    `frontend ${FRONTEND} from pointsman-http`,
    `    bind ${listenWord(listen)}`,
    '    http-request set-var(txn.pointsman_path) path,concat(/)',
    '    http-request set-var(txn.pointsman_key) req.hdr(host),field(1,:),rtrim(.),lower,concat(,txn.pointsman_path)',
    `    http-request set-var(txn.pointsman_route) var(txn.pointsman_key),map_beg(${map})`,
    `    http-request set-var(txn.pointsman_route) var(txn.pointsman_path),map_beg(${map}) unless { var(txn.pointsman_route) -m found }`,
    `    http-request return status 404 ${plain} "No service has this host and path.\\n" unless { var(txn.pointsman_route) -m found }`,
    '    use_backend %[var(txn.pointsman_route)]',
    `    default_backend ${NOWHERE}`,
    '',
    `backend ${NOWHERE} from pointsman-http`,
    '    # What is made at runtime is noted in a map in memory, which HAProxy has when something refers to it.',
    '    .if version_atleast(3.4)',
    `    http-request set-var(txn.pointsman_made) var(txn.pointsman_route),map(${MADE_MAP})`,
    '    .endif',
    `    http-request return status 503 ${plain} "The service of this host and path is not loaded yet.\\n"`,
    '',
  ];
}
