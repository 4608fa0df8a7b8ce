-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as `:attempts` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\n]* ' .. letter .. '=([^ \n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
