#!lua flags=allow-oom
-- What is known of a task's end; notes that somebody awaits it.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- ARGV[3] wait      ms
-- RETURNS {format} of newer data, else {"", W waiting | U unknown | X cancelled}, {"", C completed | F failed, answer} or
-- {"", D, reason, error}
-- COST O(1)
-- COMMANDS TIME, HMGET, HGET, HSET, HEXISTS, ZSCORE
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local known = call('HGET', base .. ':ids', ARGV[2])
local number = known and string.match(known, '^%d+') or m.life and string.match(ARGV[2], '^(%d+)%.' .. m.life .. '$')
if not number then return { '', 'U' } end
local till, kind, text = string.match(call('HGET', base .. ':results', number) or '', '^(%d+) (%a) %d+\n(.*)$')
if till and tonumber(till) > now then return { '', kind, text } end
if call('HEXISTS', base .. ':tasks', number) == 0 then return { '', 'U' } end
if call('ZSCORE', base .. ':dead', string.format('%016.0f', number)) then
  local reason, error = string.match(call('HGET', base .. ':errors', number) or '', '^(%a*)\n(.*)$')
  return { '', 'D', reason or '', error or '' }
end
if call('HEXISTS', base .. ':cancelled', number) == 1 then return { '', 'X' } end
local awaited = now + ARGV[3]
if awaited > now and awaited > m.awaited then call('HSET', base .. ':meta', 'awaited', int(awaited)) end
return { '', 'W' }
