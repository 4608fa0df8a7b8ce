#!lua flags=allow-oom
-- Finds each value, or takes its lease for a load.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] fresh    as in write
-- ARGV[3] token    the load's, percent-encoded
-- ARGV[4] lease    ms
-- ARGV[5] tags     of what will be written, with spaces between
-- ARGV[6] unfit    " <key>=<version>" for each value that is taken for absent while it is of that version
-- ARGV[7...] keys  of the values
-- RETURNS {format} of newer data, else {"", now, kind, ms, value, ...}: F found it; W won the lease; B another has it, for so
-- long, -1 for ever; the value of W and B is there for a load alone, or false
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, SET, SETRANGE, PEXPIREAT, PERSIST, DEL, SPUBLISH
-- PARTS ground, tags, value, lasting, tokens, prolong, lease, hold
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local who, till, tags = ARGV[3], math.min(now + ARGV[4], forever), ARGV[5]
local keys, reply, unfit = { unpack(ARGV, 7) }, { '', int(now) }, {}
for key, version in string.gmatch(ARGV[6], '([^ =]+)=(%d+)') do unfit[key] = version end
local values, texts = fetch(':v:', keys), find(keys)
for i = 1, #keys do texts[#texts + 1] = tagsOf(values[i]) end
texts[#texts + 1] = tags
learn(texts)
-- Somebody waits for it: how long it has to go.
local function await(key)
  local lease = leases[key]
  local ends = tonumber(sub(lease, 1, 16))
  if sub(lease, 17, 17) == '0' then keep(key, '1' .. sub(lease, 18), '', ends) end
  return ends == forever and -1 or ends - now
end
local function add(kind, ms, value)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = kind, ms, value
end
for i, key in ipairs(keys) do
  local value, left, holds = values[i], kept(values[i]), holder(key)
  local isLive = left and left > 0
  local stale = left and not isLive and value or false
  if isLive and sub(value, 18, 33) ~= unfit[key] then
    local slide = tonumber(sub(value, 50, 65))
    values[i] = slide > 0 and prolong(key, value, slide) or value
    add('F', 0, values[i])
  elseif holds and holds ~= who then add('B', await(key), stale)
  else
    if holds then prolongLease(key, till) else
      drop(key)
      -- Taking away what is old takes the right to replace it, too.
      local old = left and lasting(tagsOf(value), tagsTill(till)) or ''
      keep(key, '0' .. generation() .. ' ' .. who, stamp(tags, tagsTill(till)) .. old, till)
    end
    add('W', 0, stale)
  end
end
close()
settle()
return reply
