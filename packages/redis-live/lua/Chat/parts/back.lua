-- lastOf(count, low): the sequence of the first of the last so many words of the log behind the room's beginning, and how many
-- of them are there; nil: none is
local function lastOf(count, low)
  local found, left, to = nil, count, m.sequence
  low = math.max(low, m.since + 1)
  while left > 0 and to >= low do
    local page = call('XREVRANGE', base .. ':log', int(to), int(low), 'COUNT', 128)
    for _, entry in ipairs(page) do
      to = seq(entry) - 1
      if left > 0 and number(entry) then
        found, left = seq(entry), left - 1
      end
    end
    if #page < 128 then break end
  end
  return found, count - left
end
