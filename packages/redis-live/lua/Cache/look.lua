#!lua flags=allow-oom
-- How long values have to live; prolongs none.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2...] keys  percent-encoded, as all that follow
-- RETURNS {format} of newer data, else {"", ms, ...}, 0 for what is not there, -1 for ever
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE
-- PARTS ground, tags, value, heads
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local values, texts, reply = heads({ unpack(ARGV, 2) }), {}, { '' }
for i = 1, #values do texts[i] = tagsOf(values[i]) end
learn(texts)
for i = 1, #values do
  local left = kept(values[i])
  reply[i + 1] = left == forever and -1 or math.max(left or 0, 0)
end
return reply
