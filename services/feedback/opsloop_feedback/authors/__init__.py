"""Authors: how those who post are reached, as their posts say it, handed on to whoever sends."""
