-- Runs that begin.
-- claimed: what the claimer's claims stand under
-- started(number, record, tried): tells of it; a settlement may be the first to say so of what was claimed ahead
-- begin(from, count): ARGV holds numbers of what was claimed ahead and runs now
local claimed = ':claimed:' .. ARGV[2]
local function started(number, record, tried) event('S', number, record, ARGV[2], int(tries(tried) + 1)) end
local function begin(from, count)
  if count == 0 then return end
  local held = call('HMGET', base .. claimed, unpack(ARGV, from, from + count - 1))
  local runs = {}
  for i = 1, count do
    if held[i] and string.byte(held[i]) == 97 then
      runs[#runs + 1], runs[#runs + 2] = ARGV[from + i - 1], 'r' .. string.sub(held[i], 2)
    end
  end
  if #runs > 0 then many('HSET', claimed, runs) end
  for i = 1, m.isWatched and #runs or 0, 2 do
    local number = runs[i]
    started(number, call('HGET', base .. ':tasks', number) or '', call('HGET', base .. ':attempts', number))
  end
end
