/** PURE. An SVG of the distributions: which share of the changes had moved traffic after so many ms. Time runs on a logarithmic scale. */
import type { Results, VariantResult } from './results.ts';

const WIDTH = 960;
const PANEL = { width: 400, height: 300, top: 76, gap: 70, left: 60 };
const COLOURS = { pointsman: '#0b6e4f', bare: '#6b7280', reload: '#c2410c' };
const NAMES = { pointsman: 'pointsman', bare: 'bare script on the runtime socket', reload: 'rewrite the file and reload' };
const TICKS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

interface Scale {
  readonly x: (ms: number) => number;
  readonly y: (share: number) => number;
  readonly from: number;
  readonly to: number;
}

export function plot(results: Results): string {
  const panels = [
    { title: 'Without health checks', results: results.latency },
    { title: 'With health checks, two good ones before any request', results: results.checked },
  ].filter((panel): panel is { title: string; results: readonly VariantResult[] } => panel.results !== undefined);
  const height = PANEL.top + PANEL.height + 90;
  const n = panels[0]?.results[0]?.add.summary.n ?? 0;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#111827">
<title>From a change in Zookeeper to the traffic at HAProxy</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${PANEL.left}" y="28" font-size="17" font-weight="600">From a change in Zookeeper to the traffic at HAProxy</text>
<text x="${PANEL.left}" y="47" fill="#4b5563">Share of ${n} creates (solid) and ${n} deletes (dashed) after which the traffic had moved, by ms since the call</text>
${panels.map((panel, at) => panelOf(panel.title, panel.results, PANEL.left + at * (PANEL.width + PANEL.gap))).join('\n')}
${legend(
  panels.flatMap((panel) => panel.results.map(({ variant }) => variant)),
  height - 22,
)}
</svg>
`;
}

function panelOf(title: string, results: readonly VariantResult[], left: number): string {
  const scale = scaleOf(results);
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="0" x2="${PANEL.width}" y1="${scale.y(share)}" y2="${scale.y(share)}" stroke="#e5e7eb"/><text x="-8" y="${scale.y(share) + 4}" text-anchor="end">${share * 100} %</text>`,
  );
  const ticks = TICKS_MS.filter((ms) => ms >= scale.from && ms <= scale.to).map(
    (ms) =>
      `<line x1="${scale.x(ms)}" x2="${scale.x(ms)}" y1="0" y2="${PANEL.height}" stroke="#e5e7eb"/><text x="${scale.x(ms)}" y="${PANEL.height + 18}" text-anchor="middle">${ms < 1_000 ? ms : `${ms / 1_000} s`}</text>`,
  );
  const lines = results.flatMap(({ variant, add, remove }) => [
    curve(scale, add.ms, COLOURS[variant], false),
    curve(scale, remove.ms, COLOURS[variant], true),
  ]);
  return `<g transform="translate(${left} ${PANEL.top})">
<text y="-10" font-weight="600">${title}</text>
${[...axis, ...ticks, ...lines].join('\n')}
<rect width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#9ca3af"/>
</g>`;
}

/** Steps: after the k-th fastest of n, k/n have moved. */
function curve(scale: Scale, values: readonly number[], colour: string, dashed: boolean): string {
  const sorted = [...values].sort((a, b) => a - b);
  const points = sorted.flatMap((ms, at) => [
    `${scale.x(ms).toFixed(1)},${scale.y(at / sorted.length).toFixed(1)}`,
    `${scale.x(ms).toFixed(1)},${scale.y((at + 1) / sorted.length).toFixed(1)}`,
  ]);
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''}/>`;
}

function scaleOf(results: readonly VariantResult[]): Scale {
  const all = results.flatMap(({ add, remove }) => [...add.ms, ...remove.ms]);
  const from = TICKS_MS.findLast((ms) => ms <= Math.min(...all)) ?? 1;
  const to = TICKS_MS.find((ms) => ms >= Math.max(...all)) ?? 10_000;
  const share = (ms: number): number => Math.log(Math.max(ms, from) / from) / Math.log(to / from);
  return { from, to, x: (ms) => Math.min(1, share(ms)) * PANEL.width, y: (part) => (1 - part) * PANEL.height };
}

function legend(variants: readonly VariantResult['variant'][], y: number): string {
  return [...new Set(variants)]
    .map(
      (variant, at) =>
        `<g transform="translate(${PANEL.left + at * 250} ${y})"><line x2="26" y1="-4" y2="-4" stroke="${COLOURS[variant]}" stroke-width="3"/><text x="34">${NAMES[variant]}</text></g>`,
    )
    .join('\n');
}
