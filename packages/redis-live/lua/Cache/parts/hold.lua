-- keep(key, rest, tags, till): a lease until then; rest is what stands behind that, and before the tags
-- prolongLease(key, till): as it is, until then
-- Its tags last that long, or a day if that is less: whoever holds it renews it sooner.
local function tagsTill(till) return math.min(till, now + 86400000) end
local function keep(key, rest, tags, till)
  leases[key] = pad(till) .. rest .. tags
  store(base .. ':l:' .. key, leases[key], till)
end
local function prolongLease(key, till)
  local rest, tags = string.match(sub(leases[key], 17), '^(%S+ %S+)(.*)$')
  keep(key, rest, lasting(tags, tagsTill(till)), till)
end
