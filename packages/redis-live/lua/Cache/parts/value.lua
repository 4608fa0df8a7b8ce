-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
