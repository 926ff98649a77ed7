"""Where the arteries run: names, centrelines, the atlas, masks made elsewhere, and the region searched on the CT."""
