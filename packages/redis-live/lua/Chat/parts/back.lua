-- said(entry): its words, each as its sequence and its text; their numbers follow that of the first
-- lastOf(count, low): the sequence of the first of the last so many words of the log behind the room's beginning, and how many
-- of them are there; nil: none is
local function said(entry)
  local found, sequence = {}, seq(entry)
  if not number(entry) then return found end
  for text in string.gmatch(entry[2][4], '[^\n]+') do
    if string.byte(text) == 83 then found[#found + 1] = { sequence, text } end
    sequence = sequence + 1
  end
  return found
end
local function lastOf(count, low)
  local found, left, to, size = nil, count, m.sequence, 1
  low = math.max(low, m.since + 1)
  while left > 0 and to >= low do
    local page = call('XREVRANGE', base .. ':log', int(to), '-', 'COUNT', size)
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      local words = to >= low and said(entry) or {}
      for i = #words, 1, -1 do
        if left > 0 and words[i][1] >= low then found, left = words[i][1], left - 1 end
      end
      to = seq(entry) - 1
    end
    size = math.min(2 * size, 128)
  end
  return found, count - left
end
