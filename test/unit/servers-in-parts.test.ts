/** A large reply gives the same read in parts as at once, and others have their turn meanwhile. */
import { expect, it } from 'vitest';
import { parseServersState } from '../../shared/haproxy/parse-servers.ts';
import { serversInParts } from '../../shared/haproxy/servers-in-parts.ts';

const HEAD =
  '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n';

function reply(servers: number): string {
  const row = (index: number): string =>
    `${3 + (index % 7)} b${index % 7} ${index + 1} s${index} 10.0.0.1 2 0 1 1 1 1 0 0 0 0 0 0 - 80 - 0 0 - - 0\n`;
  return HEAD + Array.from({ length: servers }, (_, index) => row(index)).join('');
}

it.each([0, 1, 1_000, 20_000])('of %i servers', async (servers) => {
  let turns = 0;
  const counting = setInterval(() => {
    turns += 1;
  }, 0);
  const read = await serversInParts(reply(servers));
  clearInterval(counting);
  expect(read).toEqual(parseServersState(reply(servers)));
  if (servers === 20_000) expect(turns).toBeGreaterThan(2);
});

it('of what is no table at all, and of what is cut, is refused as ever', async () => {
  await expect(serversInParts('x'.repeat(500_000))).rejects.toThrow('format');
  await expect(serversInParts(`${reply(5_000)}3 b0 1`)).rejects.toThrow('a short row');
  expect(await serversInParts("[3]: Can't find backend.\n")).toBeNull();
});
