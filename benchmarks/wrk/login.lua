-- Post wrong passwords of many accounts: wrk -s login.lua URL/admin/login/

require "counting"

-- Django compares the token in the form with the cookie, whoever made it.
local token = string.rep("a", 32)

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  wrk.headers["Cookie"] = "__Host-csrftoken=" .. token
  math.randomseed(os.time() + number)
end

function request()
  return wrk.format(nil, nil, nil, string.format(
    "csrfmiddlewaretoken=%s&username=user-%d&password=wrong", token, math.random(1e6)))
end
