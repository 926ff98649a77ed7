from scripts.lib.light_imports import start_quickly

start_quickly()
