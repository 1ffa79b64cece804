-- Three different events, one ticket each: wrk -s book.lua URL/api/v1/bookings -- EVENT EVENT ...

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
  for place = 1, 3 do
    -- The first steps of a shuffle.
    local other = math.random(place, #events)
    events[place], events[other] = events[other], events[place]
    items[place] = string.format('{"eventId":"%s","quantity":1}', events[place])
  end
  return wrk.format(nil, nil, nil, string.format(
    '{"customerEmail":"drop@example.com","items":[%s]}', table.concat(items, ",")))
end
