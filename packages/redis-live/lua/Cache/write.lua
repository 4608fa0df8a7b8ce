#!lua
-- Writes values in their order; a load that is under way may store no more.
-- KEYS[1] part         as in read
-- KEYS[2] meta         as in read
-- ARGV[1] now          ms since 1970; empty: the server's own clock
-- ARGV[2] fresh        a name of 16 characters for a generation, should one begin
-- ARGV[3] when         Absent: only what is not there; else Always
-- ARGV[4...] entries   key, terms, body, ...: as parts/put.lua says
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it written?
-- COST O(entries + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, GETRANGE, SET, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, tokens, put, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, texts, reply = {}, {}, { '' }
for i = 4, #ARGV, 3 do
  keys[#keys + 1] = ARGV[i]
  if ARGV[i + 1] ~= ARGV[i - 2] then texts[#texts + 1] = tagsIn(ARGV[i + 1]) end
end
find(keys)
learn(texts)
for i = 4, #ARGV, 3 do
  local key, left = ARGV[i], nil
  if ARGV[3] == 'Absent' then
    local value = heads({ key })[1]
    learn({ tagsOf(value) })
    left = kept(value)
  end
  if left and left > 0 then reply[#reply + 1] = 0
  else
    put(key, ARGV[i + 1], ARGV[i + 2])
    drop(key)
    reply[#reply + 1] = 1
  end
end
close()
settle()
return reply
