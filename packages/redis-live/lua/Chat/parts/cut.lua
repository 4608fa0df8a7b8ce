-- cut(entry, skip, count): so many of its texts behind the first so many
local function cut(entry, skip, count)
  local texts, from, to = entry[2][4], 1, 0
  if count == tonumber(entry[2][6]) then return texts end
  for _ = 1, skip do from = string.find(texts, '\n', from, true) + 1 end
  to = from - 1
  for _ = 1, count do to = string.find(texts, '\n', to + 1, true) or #texts + 1 end
  return string.sub(texts, from, to - 1)
end
