-- Reserve one seat of one event: wrk -s reserve.lua URL/reservations -- EVENT
-- Sends the API key in the environment variable TICKETBOSS_API_KEY, if it is not empty.

require "counting"

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  local key = os.getenv("TICKETBOSS_API_KEY") or ""
  if key ~= "" then
    wrk.headers["Authorization"] = "Bearer " .. key
  end
  wrk.body = string.format('{"partnerId":"benchmark","seats":1,"eventId":"%s"}', args[1])
end
