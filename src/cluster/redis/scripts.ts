// Redis runs a script as one step: nothing else changes between its reading and its writing.

/** KEYS: the value. ARGV: 1 if there is a `from`, `from`, 1 if there is a `to`, `to`, milliseconds. */
export const COMPARE_AND_SET = `
local is = redis.call('GET', KEYS[1])
local isFrom = (is and ARGV[1] == '1' and is == ARGV[2]) or (not is and ARGV[1] == '0')
local isTo = (is and ARGV[3] == '1' and is == ARGV[4]) or (not is and ARGV[3] == '0')
if not (isFrom or isTo) then return is end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
return ARGV[4]`

/** KEYS: the lease. ARGV: holder, milliseconds. */
export const LEASE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/** KEYS: the lease. ARGV: holder. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`

/** KEYS: the log, the fence. ARGV: the fence's value, milliseconds, and the entries. */
export const APPEND = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for n = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[n]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`
