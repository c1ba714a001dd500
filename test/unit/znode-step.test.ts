/** The steps of a znode: they end with what is wanted, touch nothing that is another instance's, and never take from a process that lives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FoundZnode, type ZnodeNeeds, znodeStep } from '../../workers/registrar/znode-step.ts';
import { runs } from '../support/property.ts';

const OURS = '0x1';
const found: fc.Arbitrary<FoundZnode | null> = fc.option(
  fc.record({
    data: fc.constantFrom('a', 'b'),
    owner: fc.constantFrom(OURS, '0x2', null),
    says: fc.constantFrom('i:1', 'j:1', null),
  }),
);
const needs: fc.Arbitrary<ZnodeNeeds> = fc.record({
  wanted: fc.constantFrom('a', 'b', null),
  instance: fc.constant('i:1'),
  session: fc.constant(OURS),
  held: fc.boolean(),
  anew: fc.boolean(),
});

function after(step: string, { wanted, instance }: ZnodeNeeds): FoundZnode | null {
  return step === 'remove' || wanted === null ? null : { data: wanted, owner: OURS, says: instance };
}

describe('the steps', () => {
  it('end, after one that does something, with what is wanted', () => {
    fc.assert(
      fc.property(found, needs, (at, need) => {
        const step = znodeStep(at, need);
        if (step === 'none') {
          const isForeign = at !== null && at.owner !== OURS;
          if (!isForeign) expect(at?.data ?? null).toBe(need.wanted);
          return;
        }
        if (step === 'yield' || step === 'conflict') return;
        expect(znodeStep(after(step, need), { ...need, held: true, anew: false })).toBe('none');
      }),
      runs(2_000),
    );
  });

  it('leave what is another instance, and what a living process has', () => {
    fc.assert(
      fc.property(found, needs, (at, need) => {
        const step = znodeStep(at, need);
        if (at === null || at.owner === OURS) return;
        const isTheirs = at.says === 'j:1' || need.held;
        if (isTheirs) expect(['none', 'yield', 'conflict']).toContain(step);
        else expect(step).toBe(need.wanted === null ? 'remove' : 'replace');
      }),
      runs(2_000),
    );
  });
});
