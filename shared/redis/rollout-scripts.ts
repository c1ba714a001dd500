/**
 * The Lua over a rollout's slots and stops. Slots: proxy -> JSON until, since (ms by the clock of Redis), stops (whether its failure stops the rest), changes
 * (what was loaded -> structure). Stops: what was loaded and the proxy (`stopField`) -> JSON what, proxy, structure, reason, at.
 */

/** Of neither a service nor a proxy: their names have no slash. */
const SLASH = '/';

/** Where one stands that stopped at this proxy: each proxy has its own. */
export function stopField(what: string, proxy: string): string {
  return `${what}${SLASH}${proxy}`;
}

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Take a slot, or keep one's own. One whose time is over is given up by all, and what it was for goes no further.
 * KEYS slots stops; ARGV proxy, slots at most, ms, why one whose time is over stops the rest
 * Answers {'full', proxy*} | {'ok', what it is still for, JSON or ''}
 */
export const TAKE_SLOT = `${NOW}
local held = redis.call('HGETALL', KEYS[1])
local others = {}
for i = 1, #held, 2 do
  local slot = cjson.decode(held[i + 1])
  if held[i] ~= ARGV[1] then
    if slot['until'] >= now then
      others[#others + 1] = held[i]
    else
      redis.call('HDEL', KEYS[1], held[i])
      if slot.stops then
        for what, structure in pairs(slot.changes) do
          local stop = {what = what, proxy = held[i], structure = structure, reason = ARGV[4], at = now}
          redis.call('HSET', KEYS[2], what .. '${SLASH}' .. held[i], cjson.encode(stop))
        end
      end
    end
  end
end
if #others >= tonumber(ARGV[2]) then return {'full', unpack(others)} end
local mine = redis.call('HGET', KEYS[1], ARGV[1])
if mine then
  local slot = cjson.decode(mine)
  slot['until'] = now + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
  return {'ok', cjson.encode(slot.changes)}
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({['until'] = now + tonumber(ARGV[3]), since = now, stops = false, changes = {}}))
return {'ok', ''}`;

/** Say what one's slot is for, from now on. KEYS slots; ARGV proxy, ms, '1' if its failure stops the rest or '', (what, structure)*. */
export const HOLD_SLOT = `${NOW}
local changes = {}
for i = 4, #ARGV, 2 do changes[ARGV[i]] = ARGV[i + 1] end
local slot = {['until'] = now + tonumber(ARGV[2]), since = now, stops = ARGV[3] == '1', changes = changes}
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
return 0`;

/** KEYS slots stops; ARGV proxy. Answers {its slot, JSON or '', '1' if something stopped at it or ''}. */
export const OWN_ROLLOUT = `
local stops = redis.call('HVALS', KEYS[2])
local stopped = ''
for i = 1, #stops do
  local stop = cjson.decode(stops[i])
  if stop.what and stop.proxy == ARGV[1] then stopped = '1' end
end
return {redis.call('HGET', KEYS[1], ARGV[1]) or '', stopped}`;

/**
 * What was loaded is in sync on this proxy: its slot is free when that is all that it was for and it was held for long enough, and what stopped at this
 * proxy goes on. KEYS slots stops; ARGV proxy, ms that a slot is held at least, #n of what is in sync, what is in sync *, what waits for other options than
 * those that were loaded (a slot is not held for it)*. Answers 1: the slot is held, and its time is not over; else 0.
 */
export const SETTLE_SLOT = `${NOW}
local held = 0
local json = redis.call('HGET', KEYS[1], ARGV[1])
if json then
  local slot = cjson.decode(json)
  for i = 4, #ARGV do slot.changes[ARGV[i]] = nil end
  if next(slot.changes) == nil and now - slot.since >= tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], ARGV[1])
  else
    if slot['until'] >= now then held = 1 end
    redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
  end
end
for i = 4, 3 + tonumber(ARGV[3]) do redis.call('HDEL', KEYS[2], ARGV[i] .. '${SLASH}' .. ARGV[1]) end
return held`;
