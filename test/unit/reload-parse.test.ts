/** What HAProxy prints about a config and about its processes. The texts are HAProxy's own, of 2.6.12 and 3.4.0. */
import { describe, expect, it } from 'vitest';
import { environmentOf, faultIn } from '../../shared/haproxy/config-check.ts';
import { parseProcesses } from '../../shared/haproxy/master.ts';

const GOOD = `#<PID>          <type>          <reloads>       <uptime>        <version>      
10157           master          1 [failed: 0]   0d00h00m02s     2.6.12-1+deb12u4
# workers
10257           worker          0               0d00h00m01s     2.6.12-1+deb12u4
# old workers
10160           worker          1               0d00h00m02s     2.6.12-1+deb12u4
# programs

`;
const FAILED_3_4 = `#<PID>          <type>          <reloads>       <uptime>        <version>      
27003           master          2 [failed: 1]   0d00h00m02s     3.4.0-64a335366
# workers
# old workers
27031           worker          1               0d00h00m00s     3.4.0-64a335366

`;

describe('show proc', () => {
  it('is read', () => {
    expect(parseProcesses(GOOD)).toEqual({ pid: 10157, reloads: 1, failed: 0, workers: [10257], oldWorkers: [10160] });
    expect(parseProcesses(FAILED_3_4)).toEqual({ pid: 27003, reloads: 2, failed: 1, workers: [], oldWorkers: [27031] });
  });

  it.each(['', 'Unknown command\n', 'Permission denied\n'])('is not what this is: %j', (text) => {
    expect(parseProcesses(text)).toBeNull();
  });
});

describe('haproxy -c', () => {
  it('names the files in its alerts, once each, and not those of warnings', () => {
    const output = `[NOTICE]   (1) : haproxy version is 2.6.12-1+deb12u4
[WARNING]  (1) : config : parsing [/m/service-w.cfg:3] : something odd
[ALERT]    (1) : config : parsing [/m/service-x.cfg:1] : unknown keyword 'garbage' out of section.
[ALERT]    (1) : config : [/m/service-x.cfg:9] : 'server x/y' : invalid port '99999'
[ALERT]    (1) : config : Parsing [/m/service-y.cfg:5]: frontend 'y' has the same name as frontend 'y' declared at /etc/base.cfg:7.
`;
    const fault = faultIn(output, 1);
    expect(fault.files).toEqual(['/m/service-x.cfg', '/m/service-y.cfg']);
    expect(fault.message.split('\n')[0]).toBe("config : parsing [/m/service-x.cfg:1] : unknown keyword 'garbage' out of section.");
    expect(fault.noListener).toBe(false);
  });

  it('says when there is nothing to listen on', () => {
    const fault = faultIn('Configuration file has no error but will not start (no listener) => exit(2).\n', 2);
    expect(fault).toMatchObject({ files: [], noListener: true });
    expect(fault.message).toContain('no listener');
  });
});

describe('the environment that HAProxy gets', () => {
  it("has the operator's variables and none of our secrets", () => {
    expect(
      environmentOf({ PATH: '/bin', POINTSMAN_TOKEN: 'secret', NOTIFY_SOCKET: '/run/n', CERTS: '/etc/ssl', npm_config_x: '1' }),
    ).toEqual({
      PATH: '/bin',
      CERTS: '/etc/ssl',
    });
  });
});
