-- unqueue(number, record): it waits nowhere any more, but for a number in a list that then stands for nothing
local function unqueue(number, record)
  local lane, place = laneOf(record), field(record, 'p')
  call('ZREM', base .. ':delayed', pad(number) .. ' ' .. lane)
  call('ZREM', base .. ':front:' .. lane, number)
  call('ZREM', base .. ':suspect:' .. lane, number)
  if place then call('ZREM', base .. ':waiting:' .. place, number) end
end
