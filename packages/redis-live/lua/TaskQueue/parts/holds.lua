-- contradiction(claimer): what the claimer holds, as {number, fence, ...}, where that is not what it says and there is no step
-- that it does not know of; else ''. ARGV holds from there on the last step that was answered, what it holds since, and what
-- of that when the step under way is applied, or '' where none is; each as "<how many> <sum of fences modulo 2^32>".
local function contradiction(claimer, from)
  local answered, holds, holdsNext = tonumber(ARGV[from]), ARGV[from + 1], ARGV[from + 2]
  local sequence, first, last = string.match(m.memo or '0 0 0 0', '^(%d+) %d+ (%d+) (%d+)')
  local isNext = tonumber(sequence) > answered
  if isNext and (tonumber(sequence) > answered + 1 or holdsNext == '') then return '' end
  local held, known, sum = call('HGETALL', base .. ':claimed:' .. claimer), {}, 0
  for i = 1, #held, 2 do
    local text = string.sub(held[i + 1], 2)
    local fence = tonumber(text)
    -- What the step under way was given nobody has been told of.
    if not isNext or fence < tonumber(first) or fence > tonumber(last) then
      known[#known + 1], known[#known + 2], sum = held[i], text, sum + fence % 4294967296
    end
  end
  return int(#known / 2) .. ' ' .. int(sum) == (isNext and holdsNext or holds) and '' or known
end
