/** The Lua of retention: checkpoints and cuts, as in scripts.ts. */

/**
 * Make the newer checkpoint the older one, take a new one of the present snapshots if asked to, and cut the log up to the older one. What is behind
 * that, folded or not, stays: so a replay from the older checkpoint misses nothing.
 * KEYS meta instances addresses log, (head instances addresses) of the older checkpoint, the same of the newer one
 * ARGV what ('rotate' | 'promote'), now ms
 * Answers 'nothing' | the entries cut
 */
export const RETAIN = `
local head = redis.call('HMGET', KEYS[1], 'cursor', 'revision', 'service')
if not head[3] then return 'nothing' end
if redis.call('EXISTS', KEYS[8]) == 1 then
  for i = 5, 7 do
    redis.call('UNLINK', KEYS[i])
    if redis.call('EXISTS', KEYS[i + 3]) == 1 then redis.call('RENAME', KEYS[i + 3], KEYS[i]) end
  end
end
if ARGV[1] == 'rotate' then
  local added = redis.call('XLEN', KEYS[4])
  if redis.call('EXISTS', KEYS[4]) == 1 then
    local info = redis.call('XINFO', 'STREAM', KEYS[4])
    for i = 1, #info, 2 do if info[i] == 'entries-added' then added = info[i + 1] end end
  end
  redis.call('UNLINK', KEYS[8], KEYS[9], KEYS[10])
  redis.call('HSET', KEYS[8], 'cursor', head[1], 'revision', head[2], 'service', head[3], 'at', ARGV[2], 'added', string.format('%.0f', added))
  redis.call('COPY', KEYS[2], KEYS[9])
  redis.call('COPY', KEYS[3], KEYS[10])
end
local older = redis.call('HGET', KEYS[5], 'cursor')
if not older then return 0 end
local ms, seq = string.match(older, '^(%d+)-(%d+)$')
return redis.call('XTRIM', KEYS[4], 'MINID', '=', ms .. '-' .. string.format('%.0f', tonumber(seq) + 1))`;

/**
 * Copies of a service's checkpoint and of its present snapshots, of one moment, to be read at leisure. They end by themselves.
 * KEYS meta instances addresses log, (head instances addresses) of the older checkpoint, of the newer one, then of the copies: older, newer, present
 * ARGV life of the copies, s
 * Answers {cursor of the older or '', of the newer or '', present cursor or '', entries that the log ever had, entries}
 */
export const SNAPSHOT = `
local answer = {}
for which = 0, 1 do
  answer[which + 1] = redis.call('HGET', KEYS[5 + 3 * which], 'cursor') or ''
  for i = 0, 2 do
    if redis.call('COPY', KEYS[5 + 3 * which + i], KEYS[11 + 3 * which + i]) == 1 then redis.call('EXPIRE', KEYS[11 + 3 * which + i], ARGV[1]) end
  end
end
local head = redis.call('HMGET', KEYS[1], 'cursor', 'revision', 'service')
answer[3] = ''
if head[3] then
  answer[3] = head[1]
  redis.call('HSET', KEYS[17], 'cursor', head[1], 'revision', head[2], 'service', head[3])
  redis.call('EXPIRE', KEYS[17], ARGV[1])
  for i = 2, 3 do
    if redis.call('COPY', KEYS[i], KEYS[16 + i]) == 1 then redis.call('EXPIRE', KEYS[16 + i], ARGV[1]) end
  end
end
local length = redis.call('XLEN', KEYS[4])
local added = length
if redis.call('EXISTS', KEYS[4]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[4])
  for i = 1, #info, 2 do if info[i] == 'entries-added' then added = info[i + 1] end end
end
answer[4] = string.format('%.0f', added)
answer[5] = string.format('%.0f', length)
return answer`;
