#!lua flags=allow-oom
-- Tells of one task.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- RETURNS {format} of newer data, {"", life} where there is no such task, else {"", life, {number, record, state, when or
-- claimer, attempts and crashes or nil, reason, LF and error or nil, progress or nil}}; states are R ready, S sleeping,
-- C claimed, X dead, E ended with an answer that is still kept
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, ZSCORE, ZRANGE
-- PARTS ground, record, look
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local number, record = resolve(ARGV[2])
if not number then return { '', m.life or '' } end
if record then return { '', m.life, row(number, record, stateOf(number, record)) } end
local till, kind, began = string.match(call('HGET', base .. ':results', number) or '', '^(%d+) (%a) (%d+)\n')
if not till or tonumber(till) <= now or kind ~= 'C' then return { '', m.life } end
local given = ARGV[2] ~= number .. '.' .. m.life and ' i=' .. ARGV[2] or ''
return { '', m.life, { number, '1 ' .. began .. given .. '\n', 'E', '' } }
