from angiolith.runtime.light_imports import start_quickly

start_quickly()
