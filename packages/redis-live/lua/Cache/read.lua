#!lua flags=allow-oom
-- Reads values. What is neither sliding nor tagged is told by one comparison: nearly all reads pay for no more.
-- KEYS[1] part      the region's part; nothing is kept under it itself, but all that is has it as its beginning
-- KEYS[2] meta      of the part
-- KEYS[3...] values its keys :v:<key>
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] slide    Late: what is sliding lives on only where half of its time is over; else Always
-- RETURNS {format} of newer data, else {"", now, {value or why not, ...}}, a value as parts/value.lua says; why not: 1 its time is
--         over, 2 it was cleared, 3 a tag was taken away, else nothing is there
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, SET, SETRANGE, PEXPIREAT, PERSIST
-- PARTS ground, tags, value, lasting, prolong
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local values = call('MGET', unpack(KEYS, 3))
local plain, others, texts = string.rep('0', 16) .. (m.generation or '') .. '\n', {}, {}
for i = 1, #values do
  local value = values[i]
  if value then
    if sub(value, 50, 82) ~= plain then others[#others + 1], texts[#texts + 1] = i, tagsOf(value)
    elseif tonumber(sub(value, 2, 17)) <= now or sub(value, 1, 1) ~= '1' then values[i] = 1 end
  end
end
learn(texts)
for _, i in ipairs(others) do
  local value = values[i]
  local left, slide = kept(value), tonumber(sub(value, 50, 65))
  if left and left <= 0 then values[i] = 1
  elseif not left then values[i] = sub(value, 66, 81) ~= m.generation and 2 or holds(tagsOf(value)) and 1 or 3
  elseif slide > 0 and (ARGV[2] ~= 'Late' or left * 2 < slide) then values[i] = prolong(sub(KEYS[i + 2], #base + 4), value, slide) end
end
return { '', int(now), values }
