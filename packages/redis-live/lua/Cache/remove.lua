#!lua flags=allow-oom
-- Removes values; a load that is under way may store no more.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2...] keys  of the values
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it there?
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, removed, doomed, reply = { unpack(ARGV, 2) }, {}, {}, { '' }
local values, texts = heads(keys), {}
for i = 1, #keys do texts[i] = tagsOf(values[i]) end
find(keys)
learn(texts)
for i, key in ipairs(keys) do
  local left = not removed[key] and kept(values[i])
  reply[i + 1] = left and left > 0 and 1 or 0
  if values[i] then doomed[#doomed + 1] = base .. ':v:' .. key end
  removed[key] = true
  drop(key)
end
if #doomed > 0 then call('DEL', unpack(doomed)) end
settle()
return reply
