/**
 * The Lua over a rollout's slots and stops. Slots: proxy -> JSON until, since (ms by the clock of Redis), stops (whether its failure stops the rest), changes
 * (what was loaded -> structure), up (service -> `UpBefore`). Stops: what was loaded and the proxy (`stopField`) -> JSON what, proxy,
 * structure, reason, at, up (of a slot; missing: it failed otherwise than by that).
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
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({['until'] = now + tonumber(ARGV[3]), since = now, stops = false, changes = {}, up = {}}))
return {'ok', ''}`;

/** Say what one's slot is for, from now on. KEYS slots; ARGV proxy, ms, '1' if its failure stops the rest or '', changes JSON, up JSON. */
export const HOLD_SLOT = `${NOW}
local slot = {['until'] = now + tonumber(ARGV[2]), since = now, stops = ARGV[3] == '1'}
slot.changes = cjson.decode(ARGV[4])
slot.up = cjson.decode(ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
return 0`;

/** A worker that nobody knew: what a slot is held for begins anew with it. KEYS slots; ARGV proxy. */
export const RENEW_SLOT = `${NOW}
local json = redis.call('HGET', KEYS[1], ARGV[1])
if not json then return 0 end
local slot = cjson.decode(json)
slot.since = now
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
return 0`;

/** KEYS slots stops; ARGV proxy. Answers {its slot, JSON or '', what stopped at it, JSON *}. */
export const OWN_ROLLOUT = `
local own = {redis.call('HGET', KEYS[1], ARGV[1]) or ''}
local stops = redis.call('HVALS', KEYS[2])
for i = 1, #stops do
  local stop = cjson.decode(stops[i])
  if stop.what and stop.proxy == ARGV[1] then own[#own + 1] = stops[i] end
end
return own`;

/**
 * What was loaded is in sync on this proxy: its slot is free when that is all that it was for and it was held for long enough, and what stopped at this
 * proxy goes on. What left servers down for too long goes no further.
 * KEYS slots stops; ARGV proxy, ms that a slot is held at least, JSON inSync[], waiting[] (for other options than those that were loaded: a slot is not held
 * for it), well[] (services that are up again), ill[] (what, service, ms, reason)
 * Answers {1: the slot is held, and its time is not over; else 0, what goes no further *}.
 */
export const SETTLE_SLOT = `${NOW}
local found = cjson.decode(ARGV[3])
local answer = {0}
local json = redis.call('HGET', KEYS[1], ARGV[1])
if json then
  local slot = cjson.decode(json)
  slot.up = slot.up or {}
  for _, service in ipairs(found.well) do slot.up[service] = nil end
  local given = {}
  for _, ill in ipairs(found.ill) do
    local structure = slot.changes[ill.what]
    if structure and slot.up[ill.service] and now - slot.since >= ill.ms then
      if slot.stops and not given[ill.what] then
        local up = slot.up
        if ill.what == ill.service then up = {[ill.service] = slot.up[ill.service]} end
        local stop = {what = ill.what, proxy = ARGV[1], structure = structure, reason = ill.reason, at = now, up = up}
        redis.call('HSET', KEYS[2], ill.what .. '${SLASH}' .. ARGV[1], cjson.encode(stop))
        answer[#answer + 1] = ill.what
      end
      given[ill.what] = ill.service
    end
  end
  for what, service in pairs(given) do
    slot.changes[what] = nil
    slot.up[service] = nil
  end
  for _, what in ipairs(found.inSync) do slot.changes[what] = nil end
  for _, what in ipairs(found.waiting) do slot.changes[what] = nil end
  if next(slot.changes) == nil and now - slot.since >= tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], ARGV[1])
  else
    if slot['until'] >= now then answer[1] = 1 end
    redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(slot))
  end
end
for _, what in ipairs(found.inSync) do redis.call('HDEL', KEYS[2], what .. '${SLASH}' .. ARGV[1]) end
return answer`;
