/** PURE. The dashboard's first page: services without a server stand first, then what is held, then the services, then the way to the queues. No scripts; every text is escaped. */
import { outageText } from '../../machines/rotation.ts';
import { isHeld, type ServiceOverview } from './service-overview.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:0;color:#1c2430;background:#f6f7f9}main{max-width:70rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.4rem;margin:0 0 1rem}table{border-collapse:collapse;width:100%;background:#fff}th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid #e3e7ec}
th{font-weight:600;color:#566}td.n{text-align:right;font-variant-numeric:tabular-nums}.held{background:#b3261e;color:#fff;padding:.8rem 1rem;margin:0 0 1rem;border-radius:4px}
.held code{background:#0003;padding:0 .3rem;border-radius:3px}a{color:#0b57d0}.bad{color:#b3261e;font-weight:600}`;

/** null: Redis does not answer. */
export function startPage(services: readonly ServiceOverview[] | null, now: number): string {
  if (services === null) return page('<p class="held" role="alert">Redis does not answer: nothing is known of the services.</p>');
  const outages = services.flatMap(({ service, outage }) =>
    outage === null ? [] : [`<p class="held" role="alert">${escaped(outageText(service, outage))}</p>`],
  );
  const banners = services.filter(isHeld).map((one) => `<p class="held" role="alert">${bannerOf(one, now)}</p>`);
  const rows = services.map(rowOf);
  const table =
    rows.length === 0
      ? '<p>No service is known yet.</p>'
      : `<table><thead><tr>${HEAD.map((name) => `<th>${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return page(`${outages.join('')}${banners.join('')}${table}`);
}

function page(content: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>pointsman</title><style>${STYLE}</style></head>
<body><main><h1>pointsman</h1>${content}<p><a href="/queues/">Queues and jobs</a> · <a href="/metrics">Metrics</a> · <a href="/health">Health</a></p></main></body></html>`;
}

const HEAD = ['service', 'registered', 'up', 'held', 'cordoned', 'quarantined', 'rejected', 'guard'];

function bannerOf({ service, guard, held, since }: ServiceOverview, now: number): string {
  const name = escaped(service);
  const count = `${held} ${held === 1 ? 'instance' : 'instances'} of <b>${name}</b>`;
  const minutes = Math.max(0, Math.round((now - since) / 60_000));
  switch (guard) {
    case 'open':
      return `${count} ${held === 1 ? 'is' : 'are'} kept as the last that is up. <code>pointsman release ${name}</code> lets it go.`;
    case 'frozen':
      return `The registry of <b>${name}</b> went backwards ${minutes} m ago: ${held} held. <code>pointsman resync ${name} --trust</code> accepts it.`;
    case 'holding':
    case 'releasing':
      return `${count} held by the guard for ${minutes} m (${guard}). <code>pointsman release ${name}</code> lets them go.`;
  }
}

function rowOf(one: ServiceOverview): string {
  const numbers = [one.registered, one.up, one.held, one.cordoned, one.quarantined, one.rejected].map(
    (count) => `<td class="n">${count}</td>`,
  );
  const guard = one.guard === 'open' ? '<td>open</td>' : `<td class="bad">${one.guard}</td>`;
  return `<tr><td>${escaped(one.service)}${one.configured ? '' : ' (retired)'}</td>${numbers.join('')}${guard}</tr>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
