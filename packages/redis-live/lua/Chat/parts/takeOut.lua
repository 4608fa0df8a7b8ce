-- takeOut(room, stamp): off the list of all; whichever is put there anew gets a greater stamp
local function takeOut(room, stamp)
  call('HDEL', base .. ':stamps', room)
  call('ZREM', base .. ':all', room)
  m.floor = math.max(m.floor, tonumber(stamp))
  call('HSET', KEYS[2], 'format', '1', 'floor', int(m.floor))
end
