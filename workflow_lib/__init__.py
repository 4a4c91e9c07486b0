"""Downlink: how far can imagery be compressed before the map made from it gets worse?"""
