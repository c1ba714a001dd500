/** The Lua over what proxies say of a service's instances: told and withdrawn together with the event that says so; and over when they were looked at. */

/**
 * Tell what a proxy's checks say now, if it is still what was known that changed.
 * KEYS verdicts log; ARGV event data JSON, source, (instance, from, to)*. 'absent' is no field. Answers 'ok' | 'stale'
 */
export const HEALTH = `
for i = 3, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i]) or 'absent'
  if known ~= ARGV[i + 1] then return 'stale' end
end
for i = 3, #ARGV, 3 do
  if ARGV[i + 2] == 'absent' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
end
redis.call('XADD', KEYS[2], '*', 'v', '1', 'type', 'health', 'data', ARGV[1], 'source', ARGV[2])
return 'ok'`;

/**
 * Withdraw what a proxy's checks said of servers that are gone from it.
 * KEYS verdicts log; ARGV proxy, source, instance*. Answers the number withdrawn.
 */
export const WITHDRAW = `
local verdicts = {}
for i = 3, #ARGV do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if known then
    redis.call('HDEL', KEYS[1], ARGV[i])
    verdicts[#verdicts + 1] = {instance = ARGV[i], from = known, to = 'absent'}
  end
end
if #verdicts > 0 then
  local data = cjson.encode({proxy = ARGV[1], verdicts = verdicts})
  redis.call('XADD', KEYS[2], '*', 'v', '1', 'type', 'health', 'data', data, 'source', ARGV[2])
end
return #verdicts`;

/**
 * Note that a proxy answered now, by the clock of Redis: whoever compares asks the same clock, however wrong those of the hosts are.
 * KEYS state. Answers nothing of use.
 */
export const LOOKED = `
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'lookedAt', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return 0`;
