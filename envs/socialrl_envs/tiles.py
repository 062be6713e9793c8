"""The tiles of a grid and their characters, headings and cardinal moves, letters of seats. No jax.

A world that has things of its own takes KEY, DOOR and the ten OBJECT tiles, which have a character in ASCII
levels and a sprite in pictures. Tiles are uint8; the numbers that are not named here are drawn as unknown.
"""

FLOOR, WALL, WATER, BRIDGE, LITTER = 0, 1, 2, 3, 4
GOAL = 10  # the goals 1..9 of a hidden order are GOAL + 0 .. GOAL + 8
COIN = 20  # a coin of colour k is COIN + k
COLOURS = ("red", "green", "blue", "yellow")
KEY, DOOR = 30, 31
OBJECT = 40  # object i is OBJECT + i, 0 <= i < OBJECTS; what it means is up to the world
OBJECT_CHARS = "acehmnpstx"
OBJECTS = len(OBJECT_CHARS)

CHAR_OF_TILE = (
    {FLOOR: ".", WALL: "#", WATER: "~", BRIDGE: "=", LITTER: "*", KEY: "k", DOOR: "d"}
    | {GOAL + i: str(i + 1) for i in range(9)}
    | {COIN + k: colour[0] for k, colour in enumerate(COLOURS)}
    | {OBJECT + i: char for i, char in enumerate(OBJECT_CHARS)}
)
TILE_OF_CHAR = {char: tile for tile, char in CHAR_OF_TILE.items()}

RGB = ("red", "green", "blue")  # the channels of views in pixels

# Headings and cardinal moves share one order: up, right, down, left.
DELTAS = ((-1, 0), (0, 1), (1, 0), (0, -1))
CARDINAL_MOVES = ("up", "right", "down", "left", "stay")
TURNS = ("left", "right", "forward")

# The letters of the seats, in the order of their index, in levels and in pictures.
SEATS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
