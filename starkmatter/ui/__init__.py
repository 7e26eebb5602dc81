"""What a person sees: pages composed of components, fed by Reflex states that call the services."""
