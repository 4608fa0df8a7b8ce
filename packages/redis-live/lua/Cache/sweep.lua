#!lua flags=allow-oom
-- Removes those of some keys that nobody can read any more.
-- KEYS[1] part      as in read
-- KEYS[2] meta      as in read
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2...] names  v:<key>, l:<key>, t:<tag>
-- RETURNS {format} of newer data, else {""}
-- COST O(names + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local of, texts, doomed = { v = {}, l = {}, t = {} }, {}, {}
for i = 2, #ARGV do
  local kind = of[sub(ARGV[i], 1, 1)]
  if kind then kind[#kind + 1] = sub(ARGV[i], 3) end
end
local values, tokens = heads(of.v), fetch(':t:', of.t)
for i = 1, #values do texts[i] = tagsOf(values[i]) end
learn(texts)
learn(find(of.l))
for i, value in ipairs(values) do
  if value and sub(value, 1, 1) == '1' and not kept(value) then doomed[#doomed + 1] = base .. ':v:' .. of.v[i] end
end
for i, token in ipairs(tokens) do
  if token and tonumber(sub(token, 17)) <= now then doomed[#doomed + 1] = base .. ':t:' .. of.t[i] end
end
for _, key in ipairs(of.l) do
  if not holder(key) then drop(key) end
end
if #doomed > 0 then call('DEL', unpack(doomed)) end
settle()
return { '' }
