#!lua flags=allow-oom
-- Removes those of some keys that nobody can read any more.
-- KEYS[1] part      as in read
-- KEYS[2] meta      as in read
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2...] names  v:<key>, l:<key>, t:<tag>
-- RETURNS {format} of newer data, else {""}
-- COST O(names + tags)
-- COMMANDS TIME, HMGET, MGET, DEL, SPUBLISH
-- PARTS ground, tags, value, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local names, keys, texts, doomed = { unpack(ARGV, 2) }, {}, {}, {}
local found = fetch(':', names)
for i, name in ipairs(names) do
  local kind, key = sub(name, 1, 1), sub(name, 3)
  if kind == 'v' then texts[#texts + 1] = tagsOf(found[i]) elseif kind == 'l' then keys[#keys + 1] = key end
end
learn(texts)
learn(find(keys))
for i, name in ipairs(names) do
  local kind, what, isOver = sub(name, 1, 1), found[i], false
  if kind == 'v' then isOver = what and sub(what, 1, 1) == '1' and not kept(what)
  elseif kind == 't' then isOver = what and tonumber(sub(what, 17)) <= now end
  if isOver then doomed[#doomed + 1] = base .. ':' .. name end
end
for _, key in ipairs(keys) do
  if not holder(key) then drop(key) end
end
if #doomed > 0 then call('DEL', unpack(doomed)) end
settle()
return { '' }
