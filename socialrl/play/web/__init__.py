"""`socialrl play --web`: a session as a page for several people, served on the loopback address.

messages.py  what a page may say, checked
limits.py    how much it may say
room.py      seats, who sits there, and when a step is due; no network
scene.py     what the page of a seat shows
server.py    HTTP and WebSockets (starlette and uvicorn)
page/        the page: HTML, CSS and JavaScript, no build step and no request to another host
"""
