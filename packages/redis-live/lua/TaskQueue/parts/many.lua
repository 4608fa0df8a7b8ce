-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
