/** What the codecs are measured with: a payload of each form, as real writers wrote them, and two that are none. */
import { decode } from '../shared/znode/format.ts';
import { DATA_BYTES_MAX } from '../shared/znode/payload.ts';
import { CURATOR, NERVE, NERVE_ENCODED, SERVERSET, SPRING } from '../test/support/registrations.ts';

export interface Sample {
  readonly what: string;
  readonly data: Buffer;
  /** By `auto`, which looks first at which form it is. */
  decode(): unknown;
}

const ADDRESS = { weight: 10, labels: { zone: 'oslo-1' } };
const [NERVE_NAME, NERVE_DATA] = NERVE[0] ?? ['', ''];

export const SAMPLES: readonly Sample[] = [
  sample('address, no data', '10.0.0.5:8080', ''),
  sample('address, weight and labels', '10.0.0.5:8080', JSON.stringify(ADDRESS)),
  sample('nerve', NERVE_NAME, NERVE_DATA),
  sample('nerve, in the name', ...NERVE_ENCODED),
  sample('serverset', 'member_0000000001', JSON.stringify(SERVERSET)),
  sample('curator', CURATOR.id, JSON.stringify(CURATOR)),
  sample('curator, of Spring', CURATOR.id, JSON.stringify(SPRING)),
  sample('no JSON', 'i-01234abc_0000000005', '{"host":"10.0.0.5","port":'),
  sample(`${DATA_BYTES_MAX} brackets`, 'i-01234abc_0000000005', '['.repeat(DATA_BYTES_MAX)),
];

/** The yardstick: the same bytes, parsed and not looked at. */
export function parsePayload({ data }: Sample): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch (error) {
    return error;
  }
}

function sample(what: string, name: string, text: string): Sample {
  const data = Buffer.from(text);
  return { what, data, decode: () => decode('auto', name, data, { endpoint: null }) };
}
