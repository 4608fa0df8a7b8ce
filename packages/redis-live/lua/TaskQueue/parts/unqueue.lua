-- unqueue(number, record): it waits nowhere any more, but for a number in a list that then stands for nothing
local function unqueue(number, record)
  local lane, place = laneOf(record), field(record, 'p')
  if call('ZREM', base .. ':delayed', pad(number) .. ' ' .. lane) == 1 then return end
  call('ZREM', base .. ':front:' .. lane, number)
  call('ZREM', base .. ':suspect:' .. lane, number)
  -- Perhaps it was the one that a free place had been for: nobody else would call the next.
  if place and call('ZREM', base .. ':waiting:' .. place, number) == 0 then summon(place) end
end
