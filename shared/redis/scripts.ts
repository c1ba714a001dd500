/**
 * The Lua that must be atomic. Each script's header names its keys, arguments and answers. Numbers travel as decimal strings.
 * All keys of one call carry one hash tag.
 */
import { NOTE_DAMAGE } from './damage.ts';
import { HOLD_SLOT, SETTLE_SLOT, TAKE_SLOT } from './rollout-scripts.ts';
import { HEALTH, LOOKED, WITHDRAW } from './verdict-scripts.ts';

/**
 * Append events, fenced and compared.
 * KEYS meta view log
 * ARGV epoch, view revision, config JSON or '', '1' if the view is complete from now on or '', source,
 *      #set, (name, entry)*, #remove, name*, #events, (type, data, cause or '')*
 * Answers {'ok', new view revision, id*} | {'fenced', epoch} | {'stale', view revision}
 */
export const APPEND = `
local epoch = tonumber(ARGV[1])
local known = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch < known then return {'fenced', string.format('%.0f', known)} end
local view = tonumber(redis.call('HGET', KEYS[1], 'view') or '0')
if view ~= tonumber(ARGV[2]) then return {'stale', tostring(view)} end
view = view + 1
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'view', string.format('%.0f', view))
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'config', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'complete', ARGV[4]) end
local at = 6
local function count() local n = tonumber(ARGV[at]); at = at + 1; return n end
for _ = 1, count() do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]); at = at + 2 end
for _ = 1, count() do redis.call('HDEL', KEYS[2], ARGV[at]); at = at + 1 end
local answer = {'ok', tostring(view)}
for _ = 1, count() do
  local fields = {'v', '1', 'type', ARGV[at], 'data', ARGV[at + 1], 'source', ARGV[5]}
  if ARGV[at + 2] ~= '' then fields[9] = 'cause'; fields[10] = ARGV[at + 2] end
  answer[#answer + 1] = redis.call('XADD', KEYS[3], '*', unpack(fields))
  at = at + 3
end
return answer`;

/**
 * Commit a fold by compare-and-set.
 * KEYS meta instances desired changed addresses deadlines
 * ARGV revision read, revision written, cursor, service JSON, when it was released (ms) or '',
 *      then five lists, each #n and its items: instances set (id, json), instances deleted (id),
 *      desired set (id, json), desired deleted (id), addresses (key, json or ''), then deadlines (id, ms or '')
 * Answers 'ok' | 'lost'
 * Of an instance that is forgotten nobody can be told any more: whoever has not read its last change (the floor) reads everything.
 */
export const COMMIT = `
local revision = redis.call('HGET', KEYS[1], 'revision') or '0'
if revision ~= ARGV[1] then return 'lost' end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'cursor', ARGV[3], 'service', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'released', ARGV[5]) end
local at = 6
local function count() local n = tonumber(ARGV[at]); at = at + 1; return n end
for _ = 1, count() do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]); at = at + 2 end
for _ = 1, count() do 
  redis.call('HDEL', KEYS[2], ARGV[at])
  local changed = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[at]) or '0')
  redis.call('ZREM', KEYS[4], ARGV[at])
  if changed > tonumber(redis.call('HGET', KEYS[1], 'floor') or '0') then redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', changed)) end
  at = at + 1
end
for _ = 1, count() do redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1]); redis.call('ZADD', KEYS[4], ARGV[2], ARGV[at]); at = at + 2 end
for _ = 1, count() do redis.call('HDEL', KEYS[3], ARGV[at]); redis.call('ZADD', KEYS[4], ARGV[2], ARGV[at]); at = at + 1 end
for _ = 1, count() do
  if ARGV[at + 1] == '' then redis.call('HDEL', KEYS[5], ARGV[at]) else redis.call('HSET', KEYS[5], ARGV[at], ARGV[at + 1]) end
  at = at + 2
end
for _ = 1, count() do
  if ARGV[at + 1] == '' then redis.call('ZREM', KEYS[6], ARGV[at]) else redis.call('ZADD', KEYS[6], ARGV[at + 1], ARGV[at]) end
  at = at + 2
end
return 'ok'`;

/**
 * Forget all that is stored of a service but its log: what was stored cannot be read. The `rebuilt` event stands where it starts anew; what came
 * before and was not folded is told again too. The view moves and is empty, so whoever watches tells everything; that a service is not configured any
 * more stays known. By compare-and-set, and not again within a while: two versions that cannot read each other must not drive each other.
 * Between two the time doubles, up to 2^9 times as long, until none was needed for a day.
 * KEYS meta view log instances desired changed addresses deadlines, the verdicts of each proxy
 * ARGV revision read, event data JSON, source, now ms, ms between the first two
 * Answers 'ok' | 'lost' | 'soon'
 */
export const REBUILD = `
local head = redis.call('HMGET', KEYS[1], 'revision', 'view', 'config', 'rebuilt', 'rebuilds')
local revision = head[1] or '0'
if revision ~= ARGV[1] then return 'lost' end
local since = tonumber(ARGV[4]) - tonumber(head[4] or '0')
local rebuilds = since < 86400000 and tonumber(head[5] or '0') or 0
if rebuilds > 0 and since < tonumber(ARGV[5]) * 2 ^ math.min(rebuilds - 1, 9) then return 'soon' end
local id = redis.call('XADD', KEYS[3], '*', 'v', '1', 'type', 'rebuilt', 'data', ARGV[2], 'source', ARGV[3])
redis.call('UNLINK', KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8])
for i = 9, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HDEL', KEYS[1], 'service', 'complete', 'damage')
if head[3] ~= 'null' then redis.call('HDEL', KEYS[1], 'config') end
local view = string.format('%.0f', tonumber(head[2] or '0') + 1)
local after = string.format('%.0f', tonumber(revision) + 1)
redis.call('HSET', KEYS[1], 'revision', after, 'floor', after, 'cursor', id, 'view', view, 'rebuilt', ARGV[4], 'rebuilds', rebuilds + 1)
return 'ok'`;

/**
 * Record what happens on a proxy, with the snapshots that it leads to.
 * KEYS log backends; ARGV events kept, source, #events, (type, data, cause or '')*, then (service, snapshot JSON or '')*
 */
export const RECORD = `
local at = 4
for _ = 1, tonumber(ARGV[3]) do
  local fields = {'v', '1', 'type', ARGV[at], 'data', ARGV[at + 1], 'source', ARGV[2]}
  if ARGV[at + 2] ~= '' then fields[9] = 'cause'; fields[10] = ARGV[at + 2] end
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(fields))
  at = at + 3
end
for i = at, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i]) else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
end
return 'ok'`;

/**
 * Take a dirty mark away, but only one that the applied revision covers.
 * KEYS dirty; ARGV (service, revision)*. Answers the number taken.
 */
export const CLEAN = `
local taken = 0
for i = 1, #ARGV, 2 do
  local marked = redis.call('HGET', KEYS[1], ARGV[i])
  if marked and tonumber(marked) <= tonumber(ARGV[i + 1]) then redis.call('HDEL', KEYS[1], ARGV[i]); taken = taken + 1 end
end
return taken`;

/**
 * Mark dirty; a mark only rises.
 * KEYS dirty; ARGV (service, revision)*. Answers nothing of use.
 */
export const MARK = `
for i = 1, #ARGV, 2 do
  local marked = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '-1')
  if tonumber(ARGV[i + 1]) > marked then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 0`;

/**
 * Take the claim if nobody has it, and with it read what a pass begins with.
 * KEYS claim dirty state backends; ARGV token, ttl ms, service*
 * Answers {} | {dirty (service, revision)*, worker JSON or '', (snapshot JSON or '') of each service}
 */
export const TAKE = `
if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return {} end
local backends = {}
for i = 3, #ARGV do backends[i - 2] = redis.call('HGET', KEYS[4], ARGV[i]) or '' end
return {redis.call('HGETALL', KEYS[2]), redis.call('HGET', KEYS[3], 'worker') or '', backends, redis.call('HGET', KEYS[3], 'forms') or ''}`;

/** Note what was published; it only rises. KEYS meta; ARGV revision */
export const PUBLISHED = `
if tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[1], 'published') or '0') then redis.call('HSET', KEYS[1], 'published', ARGV[1]) end
return 0`;

/** Renew the claim while it is ours. KEYS claim; ARGV token, ttl ms. Answers 1 or 0. */
export const RENEW = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

/** Let the claim go while it is ours. KEYS claim; ARGV token. Answers 1 or 0. */
export const LET_GO = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * What a fold begins with, in one trip: and what it will need of the instances and address claims that are named.
 * KEYS meta deadlines log instances addresses; ARGV now ms, due at most, events at most, #instances, id*, key*
 * Answers {revision, cursor, published, service JSON or '', what cannot be read or '', due members, log entries after the cursor, snapshots or '',
 *          claims or ''}
 */
export const FETCH = `
local head = redis.call('HMGET', KEYS[1], 'revision', 'cursor', 'published', 'service', 'damage')
local cursor = head[2] or '0-0'
local due = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', '0', ARGV[2])
local entries = redis.call('XRANGE', KEYS[3], '(' .. cursor, '+', 'COUNT', ARGV[3])
local instances, addresses = {}, {}
for i = 5, 4 + tonumber(ARGV[4]) do instances[#instances + 1] = redis.call('HGET', KEYS[4], ARGV[i]) or '' end
for i = 5 + tonumber(ARGV[4]), #ARGV do addresses[#addresses + 1] = redis.call('HGET', KEYS[5], ARGV[i]) or '' end
return {head[1] or '0', cursor, head[3] or '0', head[4] or '', head[5] or '', due, entries, instances, addresses}`;

/**
 * Desired state: what changed since a revision, or all of it when that is not enough to go on from.
 * KEYS meta desired changed; ARGV revision that is known, or '-1'
 * Answers {'delta' or 'whole', revision, service JSON or '', cursor, 'null' if it was published that it is not configured, when it was released or '',
 *          (instance, server JSON or '')*}
 */
export const DESIRED = `
local head = redis.call('HMGET', KEYS[1], 'revision', 'service', 'floor', 'cursor', 'config', 'released')
local config = head[5] == 'null' and 'null' or ''
local revision = tonumber(head[1] or '0')
local known = tonumber(ARGV[1])
local answer
if known < 0 or known > revision or tonumber(head[3] or '0') > known then
  answer = {'whole', tostring(revision), head[2] or '', head[4] or '0-0', config, head[6] or ''}
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all do answer[#answer + 1] = all[i] end
  return answer
end
answer = {'delta', tostring(revision), head[2] or '', head[4] or '0-0', config, head[6] or ''}
for _, instance in ipairs(redis.call('ZRANGE', KEYS[3], '(' .. ARGV[1], '+inf', 'BYSCORE')) do
  answer[#answer + 1] = instance
  answer[#answer + 1] = redis.call('HGET', KEYS[2], instance) or ''
end
return answer`;

/**
 * An epoch above all that were given out before, also by a Redis that has lost its memory since: it is at least the time.
 * KEYS epoch; ARGV now ms
 */
export const NEXT_EPOCH = `
local epoch = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', epoch))
return string.format('%.0f', epoch)`;

/** All of them, to be loaded beforehand. */
export const SCRIPTS = [
  APPEND,
  COMMIT,
  REBUILD,
  RECORD,
  CLEAN,
  MARK,
  PUBLISHED,
  TAKE,
  RENEW,
  LET_GO,
  HEALTH,
  WITHDRAW,
  LOOKED,
  FETCH,
  DESIRED,
  NEXT_EPOCH,
  NOTE_DAMAGE,
  TAKE_SLOT,
  HOLD_SLOT,
  SETTLE_SLOT,
];
