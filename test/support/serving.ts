/** A service whose instances all serve, and what became of them. */
import { Story, serviceConfig } from './service-events.ts';

/** 10.0.0.1:1 to 10.0.0.1:<count>, each seen up by one proxy, a minute ago. */
export function serving(count: number, changes: Parameters<typeof serviceConfig>[0] = {}): Story {
  const story = new Story(serviceConfig(changes));
  for (let port = 1; port <= count; port += 1) {
    story.register(port);
    story.up(port);
  }
  return story.pass(60_000);
}

/** How many are in which state. */
export function states(story: Story, count: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let port = 1; port <= count; port += 1) counts[story.at(port).state] = (counts[story.at(port).state] ?? 0) + 1;
  return counts;
}
