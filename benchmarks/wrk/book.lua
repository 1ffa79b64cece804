-- Book one ticket for each of three different events: wrk -s book.lua URL/api/v1/bookings -- EVENT EVENT ...

require "counting"

local events = {}

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for _, event in ipairs(args) do
    table.insert(events, event)
  end
  math.randomseed(os.time() + number)
end

function request()
  local items = {}
  for index = 1, 3 do
    -- The first three steps of a Fisher-Yates shuffle.
    local other = math.random(index, #events)
    events[index], events[other] = events[other], events[index]
    items[index] = string.format('{"eventId":"%s","quantity":1}', events[index])
  end
  return wrk.format(nil, nil, nil, string.format(
    '{"customerEmail":"benchmark@example.com","items":[%s]}', table.concat(items, ",")))
end
